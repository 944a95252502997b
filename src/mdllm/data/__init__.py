"""Raw data: fetching or checking the files of a system, and turning them into backbone frames with states."""
