//! `lint`: what statements do on a server, and what is said about scripts.

mod postgres_locks;
