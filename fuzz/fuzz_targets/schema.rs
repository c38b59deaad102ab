//! Texts for the parser of Prisma schemas.

#![no_main]

#[path = "../../tests/it/formats/parser_properties.rs"]
#[allow(dead_code, reason = "the other targets' parts")]
mod properties;

libfuzzer_sys::fuzz_target!(|text: &str| properties::schema(text));
