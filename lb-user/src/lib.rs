//! The Holdfast daemon as a library.
