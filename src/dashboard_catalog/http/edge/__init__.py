"""What every request passes before its route is looked for: the port, the edge, and the body of a request."""
