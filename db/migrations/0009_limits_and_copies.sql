-- A charger's share of the disk is limited, old readings are thinned out, and copies leave a trace.

-- The limits of a charger:

-- Thinning and copies:

-- Connections:

