CREATE ROLE {{database}}_other;
