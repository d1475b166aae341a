"""Text embedding: static token vectors by which instructions are compared; needs no model where it is used."""
