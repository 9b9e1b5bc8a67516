//! The program as a whole, run as a process against the simulator: what a person at a terminal would see.

mod asking;
mod connections;
mod crash;
mod demo;
mod hostile;
mod secrets;
mod support;
