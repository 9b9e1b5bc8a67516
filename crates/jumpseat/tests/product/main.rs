//! The program as a whole, run as a process against the simulator: what a person at a terminal would see.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that fails says where, and a skipped one says so"
)]

mod archive;
mod asking;
mod checks;
mod connections;
mod crash;
mod demo;
mod disk;
mod events;
mod evidence;
mod hostile;
mod memory;
mod normalizing;
mod operations;
mod power;
mod secrets;
mod support;
mod tsa;
mod two_servers;
mod unknown;
