"""The parts of the page's server: who may speak, what is asked, the thread that owns the session, what is shown."""
