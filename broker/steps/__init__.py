"""The imperative shell: one verb a file. Each loads, decides or talks, and records."""
