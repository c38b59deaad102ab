//! doorstep as a process: exec, init, signals, terminal.

mod exec;
mod init;
mod signals;
mod terminal;
