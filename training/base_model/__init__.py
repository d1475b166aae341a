"""The base model: the pretrained (or, for tests, random) language model that every training starts from."""
