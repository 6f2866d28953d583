//! The laboratory in which the end-to-end tests and the demonstration run.
