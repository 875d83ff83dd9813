//! A whole gateway with the emulated Stripe, as agencies and shoppers use it, or as it is killed.

pub mod accounts;
mod admin;
mod backup;
mod bad_input;
mod crash;
mod demo;
mod doors;
mod due_work;
mod faults;
mod folder;
mod going_live;
mod healthcheck;
mod host;
mod hosted;
mod hosts;
mod kills;
mod logging;
mod many_merchants;
mod orders;
mod process;
mod purchase;
mod reloads;
mod same;
mod strangers;
mod tenancy;
mod throughput;
mod webhooks;
