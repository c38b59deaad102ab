//! The repository tests itself.
