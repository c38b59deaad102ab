//! `lint`: what statements do on a server, and what is said about scripts.

mod judged_files;
mod mysql_online;
mod postgres_locks;
mod reports;
