"""The study: ablations of the reward model, trained and measured cell by cell, and the table that comes of them."""
