//! The words of `[dmm]`, for the schema.

use super::{
    behaviour::GROUPS, definition::HABITS, format::FORMATS, math::OPERATIONS, scanner::CHANNEL_SETTINGS,
    triggering::SOURCES,
};

fn words<T>(all: &[(&'static str, T)]) -> Vec<&'static str> {
    all.iter().map(|(word, _)| *word).collect()
}

pub(crate) fn channel_settings() -> Vec<&'static str> {
    words(CHANNEL_SETTINGS)
}

pub(crate) fn groups() -> Vec<&'static str> {
    words(GROUPS)
}

pub(crate) fn habits() -> Vec<&'static str> {
    words(HABITS)
}

pub(crate) fn sources() -> Vec<&'static str> {
    words(SOURCES)
}

pub(crate) fn formats() -> Vec<&'static str> {
    words(FORMATS)
}

pub(crate) fn operations() -> Vec<&'static str> {
    words(OPERATIONS)
}
