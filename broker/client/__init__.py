"""The Python API: talks to a broker over HTTP, and carries no server inside.

It stands on the standard library's HTTP client: a whole client library would take half of the
time that `broker ps` may take to start. For the same reason the names of `broker` are loaded from
here when they are first used.
"""
