"""What people said of timelines, and what to show them next. Knows neither training nor analysis."""
