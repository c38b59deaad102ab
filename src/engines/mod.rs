//! One session on one database engine: the trait, the choice by URL, and one folder per engine.

pub mod connect;
pub mod net;
pub mod peer;
pub mod postgres;
pub mod query_plan;
pub mod session;
pub mod sqlite;
