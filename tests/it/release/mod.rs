//! What a release consists of: the artefacts that scripts/dist makes, and the texts in them.

mod artefacts;
mod images;
mod texts;

#[path = "../../../packaging/texts.rs"]
mod generator;
