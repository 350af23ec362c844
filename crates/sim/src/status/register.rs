//! A SCPI status register: condition, latched events, enable mask.

/// What is, what has been since it was last read, and what of it is summarised upwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Register {
    condition: u16,
    events: u16,
    pub(crate) enable: u16,
}

impl Register {
    pub(crate) const fn condition(self) -> u16 {
        self.condition
    }

    /// A new condition; bits that rise become events.
    pub(crate) const fn follow(&mut self, condition: u16) {
        self.events |= condition & !self.condition;
        self.condition = condition;
    }

    /// An event without a lasting condition.
    pub(crate) const fn happened(&mut self, bits: u16) {
        self.events |= bits;
    }

    /// The events, which are cleared by it.
    pub(crate) const fn take_events(&mut self) -> u16 {
        std::mem::replace(&mut self.events, 0)
    }

    pub(crate) const fn summary(self) -> bool {
        self.events & self.enable != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rising_bits_become_events_and_reading_clears_them() {
        let mut register = Register::default();
        register.follow(1);
        register.follow(0);
        register.follow(2);
        assert_eq!((register.condition(), register.take_events()), (2, 3));
        register.follow(2);
        assert_eq!(register.take_events(), 0);
    }
}
