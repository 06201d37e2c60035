//! Stand-ins for the stores of the Worker. `tests/contract.rs` compares them with the promises of the real stores. The
//! pipeline's tests and the simulation use them.

#![allow(dead_code, reason = "no test uses every part")]

pub mod database;
pub mod kv;
pub mod random;
pub mod stores;
