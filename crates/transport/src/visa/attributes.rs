//! The attributes of a VISA session that Benchtop sets.

use super::worker::Trouble;
use benchtop_instrument::{FlowControl, LineSettings, Parity, Terminator};
use std::time::Duration;
use visa_rs::enums::attribute::{
    AttrAsrlBaud, AttrAsrlDataBits, AttrAsrlEndIn, AttrAsrlFlowCntrl, AttrAsrlParity, AttrAsrlStopBits, AttrTermchar,
    AttrTermcharEn, AttrTmoValue, Attribute, HasAttribute, SpecAttr,
};

fn valid<T>(attribute: Option<T>, what: &str) -> Result<T, Trouble> {
    attribute.ok_or_else(|| Trouble::Told(format!("VISA knows no such {what}")))
}

/// How long the next call may take: whole milliseconds, at least one.
pub(super) fn set_timeout(instrument: &visa_rs::Instrument, patience: Duration) -> Result<(), Trouble> {
    // 0xFFFFFFFF is for ever
    let milliseconds = u32::try_from(patience.as_millis())
        .unwrap_or(u32::MAX)
        .clamp(1, u32::MAX - 1);
    Ok(instrument.set_attr(valid(AttrTmoValue::new_checked(milliseconds), "timeout")?)?)
}

/// Sets what is not so already: rsvisa-ivi 0.1.8 refuses every parity and stop bit, also those that it has.
fn set<A: SpecAttr + PartialEq + Into<Attribute>>(instrument: &visa_rs::Instrument, wanted: A) -> Result<(), Trouble> {
    if A::get_from(instrument).is_ok_and(|now| now == wanted) {
        return Ok(());
    }
    Ok(instrument.set_attr(wanted)?)
}

/// A byte stream ends its messages with a character.
pub(super) fn set_stream(instrument: &visa_rs::Instrument, line: &LineSettings, serial: bool) -> Result<(), Trouble> {
    let end = match line.answer_terminator {
        Terminator::Lf | Terminator::CrLf | Terminator::LfCr => b'\n',
        Terminator::Cr => b'\r',
    };
    set(instrument, valid(AttrTermchar::new_checked(end), "terminator")?)?;
    set(instrument, AttrTermcharEn::VI_TRUE)?;
    if serial {
        set(instrument, AttrAsrlEndIn::VI_ASRL_END_TERMCHAR)?;
        set_line(instrument, line)?;
    }
    Ok(())
}

fn set_line(instrument: &visa_rs::Instrument, line: &LineSettings) -> Result<(), Trouble> {
    set(instrument, valid(AttrAsrlBaud::new_checked(line.baud), "speed")?)?;
    set(
        instrument,
        valid(AttrAsrlDataBits::new_checked(line.data_bits.into()), "data bits")?,
    )?;
    set(
        instrument,
        match line.parity {
            Parity::None => AttrAsrlParity::VI_ASRL_PAR_NONE,
            Parity::Even => AttrAsrlParity::VI_ASRL_PAR_EVEN,
            Parity::Odd => AttrAsrlParity::VI_ASRL_PAR_ODD,
        },
    )?;
    set(
        instrument,
        match line.stop_bits {
            2 => AttrAsrlStopBits::VI_ASRL_STOP_TWO,
            _ => AttrAsrlStopBits::VI_ASRL_STOP_ONE,
        },
    )?;
    set(
        instrument,
        match line.flow_control {
            FlowControl::None => AttrAsrlFlowCntrl::VI_ASRL_FLOW_NONE,
            FlowControl::RtsCts => AttrAsrlFlowCntrl::VI_ASRL_FLOW_RTS_CTS,
            FlowControl::XonXoff => AttrAsrlFlowCntrl::VI_ASRL_FLOW_XON_XOFF,
        },
    )?;
    Ok(())
}
