//! Questions to a live server that only read: what support would ask (`doctor`), and which indexes are missing, doubled or unused
//! (`advice`).
//!
//! Both judge plain data: facts in, lines out. What asks the server is beside the judgement, in one file each (`examine.rs`).

pub(crate) mod advice;
pub(crate) mod doctor;
