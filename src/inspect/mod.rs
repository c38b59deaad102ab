//! Questions to a live server that only read: what support would ask (`doctor`).
//!
//! `doctor/` judges plain data: facts in, lines out. What asks the server is beside the judgement, in one file
//! (`doctor/examine.rs`).

pub(crate) mod doctor;
