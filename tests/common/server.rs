//! (see lambda tests)
