"""Language models behind OpenAI-compatible endpoints: asking them, and a ledger so that nothing is paid twice."""
