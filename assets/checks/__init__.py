"""Contracts: Great Expectations suites on the tables that training and benchmarks rest on."""
