//! Texts for the reader of the marks that divide a migration.

#![no_main]

#[path = "../../tests/it/formats/parser_properties.rs"]
#[allow(dead_code, reason = "the other targets' parts")]
mod properties;

libfuzzer_sys::fuzz_target!(|text: &str| properties::marks(text));
