//! Benchtop's promises, each against real processes, sockets, disks and kills.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod broken_disk;
#[cfg(test)]
mod carrying;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod check;
#[cfg(test)]
mod console;
#[cfg(test)]
mod database_tls;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod guard_bands;
#[cfg(test)]
mod history;
#[cfg(test)]
mod hostile_identity;
#[cfg(test)]
mod hostile_text;
#[cfg(test)]
mod main_job;
#[cfg(test)]
mod many_runs;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod outputs_off;
#[cfg(test)]
mod over_lan;
#[cfg(test)]
mod over_serial;
#[cfg(test)]
mod over_tcp;
#[cfg(test)]
mod over_visa;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod pains;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod prove;
#[cfg(test)]
mod read_only;
#[cfg(test)]
mod recipes;
#[cfg(test)]
mod regulation;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod sampling;
#[cfg(test)]
mod saying;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod slots;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod standing;
#[cfg(test)]
mod station_loop;
#[cfg(test)]
mod station_rules;
#[cfg(test)]
mod station_slots;
#[cfg(test)]
mod store_options;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod switching;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod ways_out;
#[cfg(test)]
mod ways_out_slots;
