"""A real vLLM server on this machine: its environment, its process, and the file that tells a run where it is."""
