"""What the catalog is about: names, kinds, commands and what is stored of an asset. Knows no transaction."""
