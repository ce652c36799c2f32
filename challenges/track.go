package challenges

// Track is one part of the curriculum.
type Track struct{ Slug, Title string }

// Tracks lists the tracks in the order in which they are taught.
var Tracks = []Track{
	{"measure-first", "Measure first"},
	{"databases", "Databases"},
	{"payload", "Payload and network"},
	{"async", "Async and batch"},
	{"caching", "Caching"},
	{"runtime", "CPU, memory, concurrency"},
	{"scale", "Scale and resilience"},
	{"capstones", "Capstones"},
}

// trackOrder returns a track's place in Tracks, or len(Tracks) if it is none.
func trackOrder(slug string) int {
	for i, t := range Tracks {
		if t.Slug == slug {
			return i
		}
	}
	return len(Tracks)
}
