"""The process of a replica whose model is Python's: it loads one model and answers frames on a Unix socket."""
