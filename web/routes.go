package web

// allRoutes lists the operations in the order of the OpenAPI document.
func (s *server) allRoutes() []*route {
	routes := []*route{s.postEventsRoute(), s.getEventsRoute()}
	routes = append(routes, s.customerRoutes()...)
	routes = append(routes, s.complaintRoutes()...)
	routes = append(routes, s.viewRoutes()...)
	routes = append(routes, s.reportRoutes()...)
	routes = append(routes, s.keyRoutes()...)
	return append(routes, s.adminRoutes()...)
}
