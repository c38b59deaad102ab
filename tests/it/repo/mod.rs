//! Rules for the repository itself.

mod documentation;
mod help;
mod layering;
mod snapshots;
