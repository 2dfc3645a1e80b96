CREATE VIEW public.v AS SELECT _airbyte_data FROM airbyte_internal.airbyte_raw__stream_t;
