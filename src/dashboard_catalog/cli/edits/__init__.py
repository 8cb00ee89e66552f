"""`dashboard-catalog update`, `delete`, `restore`, `rename` and `revert`: changes what is stored."""
