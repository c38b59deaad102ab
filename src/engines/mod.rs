//! One session on one database engine: the trait, the choice by URL, and one folder per engine.

pub(crate) mod connect;
pub(crate) mod net;
pub(crate) mod peer;
pub(crate) mod postgres;
pub(crate) mod query_plan;
pub(crate) mod session;
pub(crate) mod sqlite;
