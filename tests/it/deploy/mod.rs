//! Kubernetes manifests, GitHub workflows and the examples.

mod examples;
mod github_workflows;
mod kubelet;
pub(crate) mod kubernetes;
pub(crate) mod openapi;
pub(crate) mod recipes;
mod release;
mod runner;
pub(crate) mod yaml;
