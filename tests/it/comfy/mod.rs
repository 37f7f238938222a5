//! The client of ComfyUI, against the simulated one and against a real one.

pub(crate) mod contract;
mod contract_jobs;
mod faults;
mod job_truth;
mod listing;
mod manager_contract;
mod prefix;
mod throwaway;
mod watch;
