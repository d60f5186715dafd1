"""Tables from files of any kind, as text and numbers."""
