//! Names that musl's resolver fails on and others resolve.
