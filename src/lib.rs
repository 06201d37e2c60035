//! hookgate
pub mod webhook;
