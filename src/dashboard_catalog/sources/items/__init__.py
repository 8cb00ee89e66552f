"""Items: how they are found in the formats of the catalog, kept, and made messages of the contract."""
