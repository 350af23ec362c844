-- Version 1 of the tables that benchtop owns. Raw records stay whole; what queries want stands beside them.
create table benchtop_runs (
    run_id uuid primary key,
    sha256 text not null,
    station text not null,
    procedure_id text not null,
    procedure_version text not null,
    serial_number text not null,
    part_number text,
    outcome text not null,
    purpose text not null,
    simulated boolean not null,
    retried boolean not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    received_at timestamptz not null default now(),
    record jsonb not null
);
create index benchtop_runs_by_procedure on benchtop_runs (procedure_id, started_at);
create index benchtop_runs_by_serial on benchtop_runs (serial_number);

create table benchtop_attachments (
    run_id uuid not null references benchtop_runs,
    position bigint not null,
    name text not null,
    sha256 text not null,
    bytes bytea not null,
    primary key (run_id, position)
);

-- Every deciding measurement of every run, a row each.
create view benchtop_measurements as
select run.run_id, run.station, run.procedure_id, run.procedure_version, run.serial_number, run.started_at, run.purpose,
       run.simulated, step.value ->> 'name' as step, measurement.value ->> 'name' as name,
       measurement.value -> 'value' as value, measurement.value ->> 'unit' as unit,
       (measurement.value ->> 'limit_low')::double precision as limit_low,
       (measurement.value ->> 'limit_high')::double precision as limit_high,
       measurement.value ->> 'outcome' as outcome
from benchtop_runs run
cross join lateral jsonb_array_elements(run.record -> 'steps') as step
cross join lateral jsonb_array_elements(step.value -> 'measurements') as measurement;

-- First-pass yield by procedure: units whose first production run that ended PASS or FAIL was a PASS without a retry.
create view benchtop_yield as
select procedure_id, count(*) as units, count(*) filter (where outcome = 'PASS' and not retried) as passed_first,
       round(100.0 * count(*) filter (where outcome = 'PASS' and not retried) / count(*), 2) as first_pass_percent
from (
    select distinct on (procedure_id, serial_number) procedure_id, serial_number, outcome, retried
    from benchtop_runs
    where purpose = 'production' and not simulated and outcome in ('PASS', 'FAIL')
    order by procedure_id, serial_number, started_at, run_id
) as first_runs
group by procedure_id;
