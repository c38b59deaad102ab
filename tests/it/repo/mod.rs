//! Rules for the repository itself.

mod documentation;
mod layering;
