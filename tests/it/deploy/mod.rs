//! Kubernetes manifests, GitHub workflows and the examples.

mod examples;
mod github_workflows;
mod kubelet;
pub(crate) mod kubernetes;
pub(crate) mod openapi;
mod release;
mod runner;
pub(crate) mod yaml;
